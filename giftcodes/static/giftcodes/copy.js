/* Buttons that copy or share what a page shows. They send no request. Without JavaScript they stay hidden, and the text
   can be selected. */

(() => {
    "use strict";

    const textOf = (field) => field.value ?? field.textContent;

    const copy = async (field) => {
        if (field.select) {
            field.select();
        } else {
            getSelection().selectAllChildren(field);
        }
        try {
            await navigator.clipboard.writeText(textOf(field));
            return true;
        } catch {
            return document.execCommand("copy");  // A page without TLS has no clipboard.
        }
    };

    const offer = (button) => {
        const label = button.textContent;
        button.hidden = false;
        button.setAttribute("aria-live", "polite");
        button.addEventListener("click", async () => {
            // A live page may have replaced the field. If nothing was copied, its text is selected.
            if (!await copy(document.querySelector(button.dataset.copy))) {
                return;
            }
            button.textContent = button.dataset.copied;
            setTimeout(() => { button.textContent = label; }, 3000);
        });
    };

    const offerShare = (button) => {
        button.hidden = false;
        button.addEventListener("click", () => {
            const address = textOf(document.querySelector(button.dataset.share));
            navigator.share({title: document.title, url: address}).catch(() => {});  // The person chose no app.
        });
    };

    window.addEventListener("load", () => {
        document.querySelectorAll("[data-copy]").forEach(offer);
        if (navigator.share) {
            document.querySelectorAll("[data-share]").forEach(offerShare);
        }
    });
})();
