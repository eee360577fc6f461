/* The colours that the person chose in the menu, for pages without the frame. */
try {
    const chosen = JSON.parse(localStorage.getItem("adminTheme"));
    if (chosen === "dark" || chosen === "light") {
        document.documentElement.classList.add(chosen);
    }
} catch {
    /* Without storage, the colours are those of the device. */
}
