// What pages do beyond forms and htmx: the browser's time zone for the server,
// identifiers that one tap copies, filters in the address, and a button that
// prints.
(() => {
  "use strict";
  const root = document.documentElement;
  const secure = location.protocol === "https:" ? "; secure" : "";

  try {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone && !document.cookie.split("; ").includes("sekisho-zone=" + zone)) {
      document.cookie = "sekisho-zone=" + zone + "; path=/; max-age=31536000; samesite=lax" + secure;
      // The first page was written before the zone was known. One that a form
      // led to and refused stays: asking again would send the form again.
      const told = document.cookie.split("; ").includes("sekisho-zone=" + zone);
      if (told && document.querySelector("time") && !document.querySelector("[role=alert]")) location.reload();
    }
  } catch {
    // An old browser: times stay in UTC, and say so.
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("button[data-print]")) window.print();
  });

  // A part that is being fetched again hears nothing until the new one stands in
  // its place. What changed meanwhile has it fetched once more.
  const heard = new Map();
  document.addEventListener("htmx:sse:before:message", (event) => heard.set(event.detail.message.event, performance.now()));
  document.addEventListener("htmx:before:request", (event) => { event.detail.ctx.asked = performance.now(); });
  document.addEventListener("htmx:after:swap", (event) => {
    const { asked, sourceElement } = event.detail.ctx;
    const trigger = sourceElement?.getAttribute?.("hx-trigger") ?? "";
    for (const [name, at] of heard) {
      if (at >= asked && trigger.includes(name + " from:body")) document.body.dispatchEvent(new CustomEvent(name));
    }
  });

  // A list that narrows while one types keeps its filters in the address, as the
  // form itself would: what is seen can be copied, kept and gone back to.
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form.filters");
    if (!form) return;
    const filled = [...new FormData(form)].filter(([, value]) => value !== "");
    const query = new URLSearchParams(filled).toString();
    history.replaceState(null, "", form.getAttribute("action") + (query && "?" + query));
  });

  if (!navigator.clipboard) return;
  root.classList.add("js");
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-copy]");
    if (!button) return;
    const text = button.textContent;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = text; }, 1500);
  });
})();
