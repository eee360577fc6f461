/* What the frame leaves out: names for the search fields of the choosers, which are made after the page; and the zone of
   whoever looks, in a cookie, by which the server shows times (redeemer/zone.py). */

(() => {
    "use strict";

    const nameChoosers = () => {
        for (const input of document.querySelectorAll(".select2-search__field:not([aria-label])")) {
            const select = input.closest(".select2-container")?.previousElementSibling;
            const label = select?.id ? document.querySelector(`label[for="${CSS.escape(select.id)}"]`) : null;
            input.setAttribute("aria-label", label?.textContent.trim() || "Search");
        }
    };

    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone) {
        const secure = location.protocol === "https:" ? "; Secure" : "";
        document.cookie = `timezone=${zone}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    }

    /* The frame's script writes the name of a chosen file into a field beside it, which a plain file field has not: it shows
       the name itself. */
    document.addEventListener("change", (event) => {
        if (event.target.matches(".import input[type=file]")) {
            event.stopImmediatePropagation();
        }
    }, true);

    window.addEventListener("load", () => {
        nameChoosers();
        new MutationObserver(nameChoosers).observe(document.body, {childList: true, subtree: true});
    });
})();
