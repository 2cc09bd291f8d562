// Escape closes a text that is shown whole, until the pointer or the focus leaves it (WCAG 1.4.13).
document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
        for (const cut of document.querySelectorAll(".cut:is(:hover, :focus)")) {
            cut.classList.add("closed");
        }
    }
});
for (const type of ["pointerout", "focusout"]) {
    document.addEventListener(type, (event) => {
        const cut = event.target.closest(".cut");
        if (cut && !cut.contains(event.relatedTarget)) {
            cut.classList.remove("closed");
        }
    });
}
