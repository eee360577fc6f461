/* What Unfold leaves out: labels for the search fields of autocompletes, which are created after the page has loaded; and
   the viewer's time zone in a cookie, in which the server shows times (redeemer/zone.py). */

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

    /* Unfold's script writes the name of a chosen file into another field. A plain file field has no such field, and shows
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
