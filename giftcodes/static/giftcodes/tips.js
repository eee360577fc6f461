/* Shows the title of an element with data-tip on hover and on keyboard focus. The tip is placed in the
   window, not in the table, so no table cuts it off. Without JavaScript the browser shows the title on hover. */

(() => {
    "use strict";

    const MARGIN = 8;
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    tip.setAttribute("aria-hidden", "true");  // The element has the same words for screen readers.

    /* Below the element, or above it if there is no room. */
    const place = (box) => {
        const {width, height} = tip.getBoundingClientRect();
        const left = Math.min(box.left, window.innerWidth - width - MARGIN);
        const below = box.bottom + 4;
        const top = below + height + MARGIN <= window.innerHeight ? below : box.top - height - 4;
        tip.style.left = `${Math.max(MARGIN, left)}px`;
        tip.style.top = `${Math.max(MARGIN, top)}px`;
    };

    let shown = null;

    const hide = () => {
        shown = null;
        tip.hidden = true;
    };

    const follow = () => {
        if (shown) {
            place((shown.closest("td, th") ?? shown).getBoundingClientRect());
        }
    };

    const show = (event) => {
        const element = event.target.closest?.("[data-tip]");
        if (!element) {
            hide();
            return;
        }
        if (element.title) {
            element.dataset.tip = element.title;
            element.removeAttribute("title");  // Otherwise the browser would show it, too.
        }
        tip.textContent = element.dataset.tip;
        tip.hidden = false;
        shown = element;
        follow();
    };

    document.addEventListener("DOMContentLoaded", () => {
        document.body.append(tip);
        document.addEventListener("pointerover", show);
        document.addEventListener("focusin", show);
        document.addEventListener("focusout", hide);
        document.addEventListener("scroll", follow, {capture: true, passive: true});
        document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
    });
})();
