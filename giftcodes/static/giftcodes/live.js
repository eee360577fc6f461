/* Keeps pages up to date without a reload. An element with data-live="address" fetches its parts from that address.
   The parts are its elements with data-part="name". A part that has changed is replaced, but not while a person fills
   in one of its fields. The server sets the interval. While the server does not answer, the interval grows; while the
   page is hidden, nothing is fetched. There is no library, and the only requests go to this server. */

(() => {
    "use strict";

    const LONGEST_WAIT_SECONDS = 60;
    const FIRST_WAIT_SECONDS = 2;

    /* The same element has the same key before and after its part is exchanged. Buttons with the same words differ in
       the hidden fields of their forms, such as the member or the code. */
    const keyOf = (element) => [
        element.tagName,
        element.getAttribute("href") ?? (element.id || element.closest("[id]")?.id),
        element.name,
        element.value,
        ...[...element.form?.querySelectorAll("input[type=hidden]:not([name=csrfmiddlewaretoken])") ?? []]
            .map((field) => `${field.name}=${field.value}`),
    ].join(" ");

    /* The CSRF token of a form differs in each response, but the old token stays valid: parts are compared without it. */
    const TOKEN = /(name="csrfmiddlewaretoken" value=")[^"]*/g;

    /* Whether a person is in a field, has entered something, or was told that the entered value is wrong. */
    const isInUse = (field) => field === document.activeElement
        || (field.defaultValue ?? field.value) !== field.value
        || field.getAttribute("aria-invalid") === "true";

    /* Whether a person is filling in a field of the part. If so, the part is exchanged later. */
    const isBeingFilled = (part) =>
        [...part.querySelectorAll("input:not([type=hidden]), select, textarea:not([readonly])")].some(isInUse);

    class Live {
        constructor(root) {
            this.root = root;
            this.failures = 0;
            this.waitSeconds = Number(root.dataset.again) || FIRST_WAIT_SECONDS;
            this.timer = null;
            this.asking = false;
            this.over = false;
            document.addEventListener("visibilitychange", () => this.refresh());
            window.addEventListener("online", () => this.refresh());
            if ("now" in root.dataset) {
                this.ask();
            } else {
                this.plan(this.waitSeconds);
            }
        }

        /* The page is visible again, or the network is back: the content may be out of date. */
        refresh() {
            if (!document.hidden && !this.over) {
                this.ask();
            }
        }

        plan(seconds) {
            clearTimeout(this.timer);
            this.timer = setTimeout(() => this.ask(), seconds * 1000);
        }

        async ask() {
            clearTimeout(this.timer);
            if (document.hidden || this.asking) {
                return;
            }
            this.asking = true;
            try {
                const response = await fetch(this.root.dataset.live, {
                    headers: {Accept: "application/json"},
                    credentials: "same-origin",
                    redirect: "error",
                });
                if (response.status === 429) {
                    /* The server answers, but has too many open requests of this person: this is not a failure. */
                    this.plan(Math.max(this.waitSeconds, Number(response.headers.get("Retry-After")) || 0));
                    return;
                }
                if (!response.ok) {
                    throw new Error(String(response.status));
                }
                this.show(await response.json());
            } catch {
                this.fail();
            } finally {
                this.asking = false;
            }
        }

        show(answer) {
            this.failures = 0;
            this.note("");
            for (const [name, html] of Object.entries(answer.parts)) {
                this.exchange(this.root.querySelector(`[data-part="${name}"]`), html);
            }
            this.over = answer.again_in_seconds === null;
            if (!this.over) {
                this.waitSeconds = answer.again_in_seconds;
                this.plan(this.waitSeconds);
            }
        }

        exchange(part, html) {
            const comparable = html.replace(TOKEN, "");
            if (!part || part.liveHtml === comparable || isBeingFilled(part)) {
                return;
            }
            const focused = part.contains(document.activeElement) ? keyOf(document.activeElement) : null;
            const alike = () => [...part.querySelectorAll("a[href], button, summary, textarea")]
                .filter((element) => keyOf(element) === focused);
            const before = alike();
            const place = before.indexOf(document.activeElement);
            const open = [...part.querySelectorAll("details[open][id]")].map((details) => details.id);
            part.liveHtml = comparable;
            part.innerHTML = html;
            open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
            /* If one of several elements with the same key has come or gone, the focused one is not known any more. */
            const after = focused ? alike() : [];
            if (after.length === before.length) {
                after[place]?.focus();
            }
            showTimes(part);
        }

        fail() {
            this.failures += 1;
            const seconds = Math.min(this.waitSeconds * 2 ** this.failures, LONGEST_WAIT_SECONDS);
            this.note(this.root.dataset.failed || "");
            this.plan(seconds);
        }

        note(text) {
            const note = this.root.querySelector("[data-live-note]");
            if (note && note.textContent !== text) {
                note.textContent = text;
                note.hidden = !text;
            }
        }
    }

    /* Times are shown in the viewer's zone. Those marked as relative are shown as a distance from now. */
    const language = document.documentElement.lang || "en";
    const latin = `${language}-u-nu-latn`;
    const relative = new Intl.RelativeTimeFormat(latin, {numeric: "always", style: "long"});
    const now = new Intl.RelativeTimeFormat(latin, {numeric: "auto"});
    /* In English, times have the server's format (redeemer/formats). In another language, they have
       the usual format of that language, with Latin digits. */
    const padded = (number) => String(number).padStart(2, "0");
    const inEnglish = (moment) =>
        `${moment.getFullYear()}-${padded(moment.getMonth() + 1)}-${padded(moment.getDate())} ` +
        `${padded(moment.getHours())}:${padded(moment.getMinutes())}:${padded(moment.getSeconds())}`;
    const others = new Intl.DateTimeFormat(latin, {dateStyle: "medium", timeStyle: "medium"});
    const absolute = (moment) => language === "en" ? inEnglish(moment) : others.format(moment);
    const STEPS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

    const distance = (moment) => {
        const seconds = Math.round((moment - Date.now()) / 1000);
        const [unit, length] = STEPS.find(([, step]) => Math.abs(seconds) >= step) || STEPS.at(-1);
        return seconds ? relative.format(Math.trunc(seconds / length), unit) : now.format(0, unit);
    };

    const showTimes = (root) => {
        for (const time of root.querySelectorAll("time[datetime]")) {
            const moment = new Date(time.dateTime);
            if (Number.isNaN(moment.valueOf())) {
                continue;
            }
            time.title = absolute(moment);
            /* If the moment of a planned event has passed, the event is shown as happening now. */
            const shown = time.dataset.relative === "until" ? Math.max(moment, Date.now()) : moment;
            const text = "relative" in time.dataset ? distance(shown) : absolute(moment);
            /* Each change ends a selection, and a screen reader may read it out. */
            if (time.textContent !== text) {
                time.textContent = text;
            }
        }
    };

    document.addEventListener("DOMContentLoaded", () => {
        showTimes(document);
        setInterval(() => document.hidden || showTimes(document), 1000);
        document.querySelectorAll("[data-live]").forEach((root) => new Live(root));
    });
})();
