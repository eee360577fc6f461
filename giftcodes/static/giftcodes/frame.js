/* What the frame leaves out: names for the search fields of the choosers, which are made after the page. */

(() => {
    "use strict";

    const nameChoosers = () => {
        for (const input of document.querySelectorAll(".select2-search__field:not([aria-label])")) {
            const select = input.closest(".select2-container")?.previousElementSibling;
            const label = select?.id ? document.querySelector(`label[for="${CSS.escape(select.id)}"]`) : null;
            input.setAttribute("aria-label", label?.textContent.trim() || "Search");
        }
    };

    window.addEventListener("load", () => {
        nameChoosers();
        new MutationObserver(nameChoosers).observe(document.body, {childList: true, subtree: true});
    });
})();
