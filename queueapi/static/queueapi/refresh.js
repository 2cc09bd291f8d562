"use strict";

// Renew the regions of the page from the server, unless somebody works in them.
{
  const SECONDS = 15;
  const bar = document.querySelector(".refresh");
  const [read, notice] = bar.querySelectorAll("span");
  const toggle = bar.querySelector("input");
  let texts = bar, readAt = Date.now(), dueAt = 0, isRunning = false;

  bar.querySelector("label").hidden = false;
  toggle.checked = localStorage.getItem("refresh") !== "off";
  toggle.addEventListener("change", () => {
    localStorage.setItem("refresh", toggle.checked ? "on" : "off");
    renew();
  });

  // Django's script keeps the check boxes that it found first: give it those of the time.
  const boxes = () => document.querySelectorAll("tr input.action-select");
  const currentBoxes = {
    get length() { return boxes().length; },
    forEach: (callback) => boxes().forEach(callback),
    [Symbol.iterator]: () => boxes().values(),
  };
  const {Actions} = window;
  if (Actions) window.Actions = () => Actions(currentBoxes);

  const valuesBefore = new Map();  // of fields that had the focus, or changed without it
  for (const type of ["focusin", "input"]) {
    document.addEventListener(type, ({target}) => {
      if (!("value" in target) || target.type === "checkbox" || valuesBefore.has(target)) return;
      valuesBefore.set(target, type === "focusin" ? target.value : null);
    });
  }

  const isBusy = (regions) => {
    const active = document.activeElement, selection = getSelection();
    const isSelected = (region) =>
      !selection.isCollapsed && selection.getRangeAt(0).intersectsNode(region);
    return document.hidden || !toggle.checked
      || active.matches("input:not([type=checkbox]), select, textarea")
      || [...valuesBefore].some(([field, value]) => field.isConnected && field.value !== value)
      || regions.some((region) => region.contains(active) || isSelected(region)
        || region.querySelector("input:checked, [aria-busy], .cut:hover:not(.closed)")
        || region.closest("[aria-busy]"));
  };

  // Change what differs, so that the other elements keep their state: open details, scrolling.
  const update = (old, fresh) => {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== Node.ELEMENT_NODE || old.nodeName !== fresh.nodeName) {
      old.replaceWith(fresh);
      return;
    }
    for (const {name} of [...old.attributes]) {
      if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const {name, value} of fresh.attributes) {
      if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    const nodes = [...old.childNodes], freshNodes = [...fresh.childNodes];
    nodes.slice(freshNodes.length).forEach((node) => node.remove());
    freshNodes.forEach((node, i) => nodes[i] ? update(nodes[i], node) : old.append(node));
  };

  // Elements to which Django's script adds listeners: its other elements do not come or go.
  const count = (region) => region.querySelectorAll("#action-toggle, .actions .question a").length;
  const replace = (region, fresh) => {
    if (count(region) === count(fresh)) {
      update(region, fresh);
      return;
    }
    region.replaceWith(fresh);
    if (boxes().length) window.Actions?.();
  };

  const show = (name) => {
    read.hidden = Boolean(name);
    const text = name ? texts.querySelector(`.${name}`).content.cloneNode(true) : "";
    if (notice.textContent !== (text.textContent ?? "")) notice.replaceChildren(text);
  };

  const renew = async () => {
    const regions = [...document.querySelectorAll(bar.dataset.region)];
    if (isRunning || Date.now() < dueAt || isBusy(regions)) return;
    isRunning = true;
    const startedAt = Date.now();
    try {
      const signal = AbortSignal.timeout(30_000);
      const response = await fetch(location.href, {cache: "no-store", signal});
      if (new URL(response.url).pathname === bar.dataset.login) {
        show("ended");
        clearInterval(timer);
        document.removeEventListener("visibilitychange", renewIfDue);
        return;
      }
      // A redirect leads to another list, for example one without the filters.
      if (!response.ok || response.redirected) throw new Error(response.status);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (isBusy(regions)) return;
      const fresh = page.querySelectorAll(bar.dataset.region);
      if (fresh.length !== regions.length) throw new Error("The page has other regions.");
      regions.forEach((region, i) => replace(region, fresh[i]));
      texts = page.querySelector(".refresh");
      read.textContent = texts.querySelector(".read").textContent;
      readAt = Date.now();
      show("");
    } catch {
      show("failed");
    } finally {
      isRunning = false;
      dueAt = Date.now() + 9 * (Date.now() - startedAt);  // a slow list takes a tenth of the time
    }
  };

  const renewIfDue = () => {
    if (Date.now() - readAt >= SECONDS * 1000) renew();
  };
  const timer = setInterval(renew, SECONDS * 1000);
  document.addEventListener("visibilitychange", renewIfDue);
}
