/* What Unfold leaves out:
   - labels for the search fields of autocompletes, which are created after the page has loaded
   - a cookie with the viewer's time zone, which the server uses for times (redeemer/zone.py)
   - plain file fields, which Unfold's script must leave alone
   - the search in the bar
   - the current tab, which may be out of sight on a phone
   - the focus in the first empty field of a form for adding
   - a note while the browser is offline */

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

    /* Unfold's script writes the name of a chosen file into another field. A plain file field has no such other field
       beside it, so the script must not run. */
    document.addEventListener("change", (event) => {
        if (event.target.matches(".import input[type=file]")) {
            event.stopImmediatePropagation();
        }
    }, true);

    /* The search in the bar: results while a person types. Without this script, the form opens the page of results. */
    const WAIT_MS = 250;

    class Find {
        constructor(form) {
            this.form = form;
            this.input = form.querySelector("input");
            this.results = form.querySelector(".find-results");
            this.note = form.querySelector("[data-find-note]");
            this.timer = null;
            this.asked = "";
            this.input.addEventListener("input", () => this.plan());
            this.input.addEventListener("focus", () => this.plan());
            form.addEventListener("keydown", (event) => this.press(event));
            form.addEventListener("focusout", (event) => form.contains(event.relatedTarget) || this.close());
        }

        plan() {
            clearTimeout(this.timer);
            this.timer = setTimeout(() => this.ask(), WAIT_MS);
        }

        async ask() {
            const term = this.input.value.trim();
            if (!term) {
                this.close();
                return;
            }
            this.asked = term;
            const query = new URLSearchParams({s: term, part: "1"});
            try {
                const response = await fetch(`${this.form.action}?${query}`, {credentials: "same-origin", redirect: "error"});
                if (!response.ok) {
                    throw new Error(String(response.status));
                }
                const html = await response.text();
                if (this.asked === term && this.form.contains(document.activeElement)) {
                    this.show(html);
                }
            } catch {
                if (this.asked === term) {
                    this.say(this.form.dataset.failed);
                }
            }
        }

        show(html) {
            this.results.innerHTML = html;
            this.results.hidden = false;
            const number = Number(this.results.querySelector("[data-number]")?.dataset.number || 0);
            const words = number === 0 ? this.form.dataset.none : number === 1 ? this.form.dataset.one : this.form.dataset.many;
            this.say(words.replace("#", number));
        }

        say(words) {
            this.note.textContent = words;
        }

        close() {
            clearTimeout(this.timer);
            this.asked = "";
            this.results.hidden = true;
            this.say("");
        }

        press(event) {
            if (event.key === "Escape") {
                this.close();
                this.input.focus();
                this.close();
                return;
            }
            const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
            const links = [...this.results.querySelectorAll("a")];
            if (!step || this.results.hidden || !links.length) {
                return;
            }
            event.preventDefault();
            const place = links.indexOf(document.activeElement) + step;
            (place < 0 ? this.input : links[Math.min(place, links.length - 1)]).focus();
        }
    }

    const enableFind = () => {
        const form = document.querySelector("[data-find]");
        if (!form) {
            return;
        }
        const find = new Find(form);
        document.addEventListener("keydown", (event) => {
            if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
                event.preventDefault();
                find.input.focus();
                find.input.select();
            }
        });
    };

    /* `scrollIntoView` would also move the place from which the Tab key goes on. */
    const showCurrentTab = () => {
        const current = document.querySelector("#tabs-items .active");
        if (current) {
            current.parentElement.scrollLeft += current.getBoundingClientRect().left - current.parentElement.getBoundingClientRect().left;
        }
    };

    /* A form for adding begins in the first required field that is empty. Django's script chooses the first field, which a
       link may have filled in. A person who has already gone elsewhere stays there. */
    const focusFirstEmpty = () => {
        const added = document.getElementById("django-admin-form-add-constants")?.dataset.modelName;
        const form = added ? document.getElementById(`${added}_form`) : null;
        const focused = document.activeElement;
        if (!form || !(focused === document.body || form.contains(focused))) {
            return;
        }
        const fields = [...form.elements].filter((field) => field.matches("input, select, textarea") && !field.disabled && field.offsetParent);
        const isFirst = focused === document.body || fields[0]?.parentElement.contains(focused);
        const empty = fields.find((field) => field.required && !field.value);
        if (isFirst && empty) {
            const chooser = empty.matches(".select2-hidden-accessible") ? empty.nextElementSibling?.querySelector(".select2-selection") : null;
            (chooser ?? empty).focus();
        }
    };

    const noteOffline = () => {
        const note = document.querySelector("[data-offline]");
        if (note) {
            note.hidden = navigator.onLine;
        }
    };
    window.addEventListener("online", noteOffline);
    window.addEventListener("offline", noteOffline);

    window.addEventListener("load", () => {
        enableFind();
        noteOffline();
        showCurrentTab();
        focusFirstEmpty();
        nameChoosers();
        new MutationObserver(nameChoosers).observe(document.body, {childList: true, subtree: true});
    });
})();
