"use strict";

// Warn before the session ends, renew it while somebody types, and ask whether it lives before a
// form is sent. What was typed stays in the page; nothing is stored.
{
  const WARNING = 5 * 60_000, RENEWAL = 5 * 60_000, CHECK = 20_000, RETRY = 60_000;  // milliseconds
  const PAUSE = 3_000;  // without a key press, before a dialog takes the focus

  const root = document.getElementById("session");
  const age = root.dataset.age * 1000;
  let user = Number(root.dataset.user);
  let ends = Date.now() + root.dataset.seconds * 1000;
  let canRenew = true, wasWarned = false, typedAt = 0, triedAt = 0;

  const fetchSession = async (options) => {
    const signal = AbortSignal.timeout(20_000);
    const response = await fetch(root.dataset.url, {cache: "no-store", signal, ...options});
    if (!response.ok) throw new Error(response.status);
    const session = await response.json();
    if (session.user === user) {
      ends = Date.now() + session.seconds * 1000;
      canRenew = session.can_renew;
      wasWarned &&= session.seconds * 1000 <= WARNING;
    }
    return session;
  };

  const renew = async () => {
    triedAt = Date.now();
    const {token, user: current} = await fetchSession();
    if (current === user) await fetchSession({method: "POST", headers: {"X-CSRFToken": token}});
    return current === user;
  };

  // Show the dialog, and return the value of the chosen button; "" is Close or the Escape key.
  const open = (name) => new Promise((resolve) => {
    const dialog = document.getElementById(`session-${name}`);
    dialog.returnValue = "";
    dialog.addEventListener("close", () => resolve(dialog.returnValue), {once: true});
    dialog.showModal();
  });

  root.addEventListener("click", ({target}) => {
    if (target.matches("button")) target.closest("dialog").close(target.value);
  });

  // Return whether the form may be sent; until then, show what is in the way.
  const prepare = async (form) => {
    const isLogout = form.id === "logout-form";
    for (;;) {
      const session = await fetchSession().catch(() => null);
      const field = form.querySelector("[name=csrfmiddlewaretoken]");
      if (field && session?.token) field.value = session.token;  // a login in another tab changed it
      if (isLogout || (session?.seconds && session.user === user)) return true;
      if (session?.seconds) root.querySelector("#session-other strong").textContent = session.username;
      const name = !session ? "unreachable" : session.seconds ? "other" : "ended";
      const answer = await open(name);
      if (!answer) return false;
      if (answer === "anyway") user = session.user;
    }
  };

  const asked = new WeakSet();  // forms that are sent now
  document.addEventListener("submit", async (event) => {
    const {target: form, submitter} = event;
    const method = submitter?.getAttribute("formmethod") ?? form.getAttribute("method") ?? "get";
    if (event.defaultPrevented || method.toLowerCase() !== "post" || asked.delete(form)) return;
    event.preventDefault();
    if (form.hasAttribute("aria-busy")) return;  // a second click
    form.setAttribute("aria-busy", "true");
    const isReady = await prepare(form);
    form.removeAttribute("aria-busy");
    if (!isReady) return;
    asked.add(form);
    form.requestSubmit(submitter);
    asked.delete(form);  // if the form was not valid any more
  });

  document.addEventListener("input", () => {
    typedAt = Date.now();
    const isDue = typedAt + age - ends >= RENEWAL && typedAt < ends && typedAt - triedAt >= RETRY;
    if (canRenew && isDue) renew().catch(() => {});  // the warning comes
  });

  const warn = async () => {
    const isNear = () => ends - Date.now() <= WARNING && Date.now() < ends;
    const isTyping = Date.now() - typedAt < PAUSE;
    if (!isNear() || wasWarned || isTyping || document.hidden || root.querySelector("[open]")) return;
    const session = await fetchSession().catch(() => null);  // another tab may have renewed it
    if (session?.user !== user || !isNear() || root.querySelector("[open]")) return;
    wasWarned = true;
    for (const part of root.querySelectorAll("[data-if]")) {
      part.hidden = (part.dataset.if === "renewable") !== canRenew;
    }
    root.querySelector("time").textContent = new Date(ends).toTimeString().slice(0, 5);
    if (await open("ending") !== "renew") return;
    for (;;) {
      const isRenewed = await renew().catch(() => null);
      if (isRenewed) return;
      if (!await open(isRenewed === null ? "unreachable" : "ended")) return;
    }
  };
  setInterval(warn, CHECK);
  document.addEventListener("visibilitychange", warn);
}
