"use strict";

// Run the steps of a long action, one after the other, without loading the page anew.
{
  const form = document.getElementById("steps");
  const status = document.getElementById("steps-status");
  let isLeaving = false;
  addEventListener("beforeunload", () => { isLeaving = true; });

  async function step() {
    let response, text;
    try {
      const body = new URLSearchParams(new FormData(form));
      // A field has the name "action", so form.action is that field.
      const options = {method: "POST", body, redirect: "manual"};
      response = await fetch(form.getAttribute("action"), options);
      text = await response.text();
    } catch {
      status.textContent = form.dataset.offline;
      setTimeout(step, 5000);
      return;
    }
    if (isLeaving) {
      return;
    }
    if (response.type === "opaqueredirect") {
      // The next page shows the message with the result.
      location.assign(form.dataset.next);
      return;
    }
    const page = new DOMParser().parseFromString(text, "text/html");
    const next = page.getElementById("steps");
    if (!next) {
      form.submit(); // show the error
      return;
    }
    document.title = page.title;
    status.textContent = page.getElementById("steps-status").textContent;
    form.querySelector("progress").value = next.querySelector("progress").value;
    setTimeout(step, Number(next.dataset.wait));
  }

  setTimeout(step, Number(form.dataset.wait));
}
