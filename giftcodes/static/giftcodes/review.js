/* The review of a pasted list: the first field that needs a look gets the focus, an edited line is ticked, and the button
   says how many members it imports. Without this script the server counts the members, and says which edited lines have
   no tick. */

(() => {
    "use strict";

    const form = document.getElementById("review");
    if (!form) {
        return;
    }

    const count = () => {
        const ticked = form.querySelectorAll("input[type=checkbox][data-counts]:checked").length;
        for (const button of form.querySelectorAll("button[name=apply]")) {
            const number = Number(button.dataset.elsewhere) + ticked;
            button.textContent = number === 1 ? button.dataset.one : button.dataset.many.replace("%d", number);
        }
    };

    const tick = (field) => {
        field.closest("tr").querySelector("input[type=checkbox]").checked = true;
    };

    form.addEventListener("input", (event) => {
        if (event.target.matches("input[type=text]")) {
            tick(event.target);
        }
        count();
    });
    /* On a slow connection a person may type before this script has come. */
    [...form.querySelectorAll("input[type=text]")]
        .filter((field) => field.value !== field.defaultValue)
        .forEach(tick);
    /* A browser ignores the attribute `autofocus` if something had the focus while the page loaded. */
    form.querySelector("[autofocus]")?.focus();
    /* A browser may restore ticks when the person comes back to this page. */
    window.addEventListener("pageshow", count);
})();
