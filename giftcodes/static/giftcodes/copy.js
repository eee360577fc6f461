/* Buttons that copy the value of a field. Without JavaScript they stay hidden, and the field can be selected. */

(() => {
    "use strict";

    const copy = async (field) => {
        field.select();
        try {
            await navigator.clipboard.writeText(field.value);
        } catch {
            document.execCommand("copy");  // A page without TLS has no clipboard.
        }
    };

    const offer = (button) => {
        const label = button.textContent;
        button.hidden = false;
        button.setAttribute("aria-live", "polite");
        button.addEventListener("click", async () => {
            await copy(document.querySelector(button.dataset.copy));  // A live page may have replaced the field.
            button.textContent = button.dataset.copied;
            setTimeout(() => { button.textContent = label; }, 3000);
        });
    };

    window.addEventListener("load", () => document.querySelectorAll("[data-copy]").forEach(offer));
})();
