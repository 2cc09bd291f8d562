"use strict";
{
  // Adds a button to each text that can be copied: the value of `data-copy`, or the element's text.
  const words = document.currentScript.dataset;

  const addButton = (element) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button small copy";
    button.textContent = words[element.dataset.copyName] || words.id;
    const status = document.createElement("span");
    status.setAttribute("role", "status");
    element.after(button, " ", status);
    button.addEventListener("click", async () => {
      const text = element.dataset.copy || element.textContent;
      try {
        await navigator.clipboard.writeText(text);
        status.textContent = words.copied;
      } catch {  // not without HTTPS, nor if the browser refuses it
        const field = document.createElement("textarea");
        field.readOnly = true;
        field.value = text;
        field.setAttribute("aria-label", words.press);
        status.textContent = words.press;
        status.nextElementSibling?.remove();
        status.after(field);
        field.select();
      }
    });
  };

  document.querySelectorAll("[data-copy], .field-id .readonly").forEach(addButton);
}
