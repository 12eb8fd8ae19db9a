// Passkeys: navigator.credentials behind plain forms. A page includes it with
// <script src={ frame.Asset("passkey.js") } defer>, and says with attributes:
//
//   form[data-passkey="create|get"]  the ceremony; posted as it stands with the answer
//     data-options-url="/…"      same-origin address; POSTed the form's own fields,
//                                answers JSON {"options": {…}, "ticket": "…"}: the options of
//                                §5.1.8 or §5.1.9, and what the room wants back (optional)
//     data-passkey-conditional   get only: also offer passkeys in the page's field that has
//                                autocomplete="username webauthn", while nothing is pressed
//   inside of the form (a problem has role="alert", and is the only thing a reader hears)
//     input[data-passkey-answer]     hidden field that receives the answer as JSON
//     input[data-passkey-ticket]     hidden field that receives the ticket (optional)
//     [data-passkey-problem="KIND"]  hidden; shown when it fails. KIND is cancelled (or too
//                                    late), exists (this authenticator has one already) or
//                                    empty for everything else and for kinds not given. A
//                                    refusal of the options that is problem+json puts its own
//                                    sentences into the empty one: no sentence stands here.
//   anywhere
//     [data-passkey-only]      written hidden, shown where the browser has passkeys
//     [data-passkey-missing]   written hidden, shown where it has none
(() => {
  "use strict";
  const able = "PublicKeyCredential" in window
    && "parseCreationOptionsFromJSON" in PublicKeyCredential && "toJSON" in PublicKeyCredential.prototype;
  let pending = null; // the one ceremony that the browser works on

  function arrange() {
    for (const e of document.querySelectorAll("[data-passkey-only]")) e.hidden = !able;
    for (const e of document.querySelectorAll("[data-passkey-missing]")) e.hidden = able;
  }

  // A newer ceremony ends the older one: browsers run only one at a time.
  function begin() {
    pending?.abort();
    pending = new AbortController();
    return pending;
  }

  class Refused extends Error {}

  async function fetchOptions(form, signal) {
    const response = await fetch(form.dataset.optionsUrl, {
      method: "POST", signal, redirect: "error", headers: { Accept: "application/json" },
      body: new URLSearchParams(new FormData(form)),
    });
    if (response.ok) return response.json();
    const problem = await response.json().catch(() => ({}));
    throw new Refused([problem.title, problem.detail].filter(Boolean).join(" "));
  }

  async function run(form, mediation, control) {
    const { options, ticket } = await fetchOptions(form, control.signal);
    const create = form.dataset.passkey === "create";
    const publicKey = create
      ? PublicKeyCredential.parseCreationOptionsFromJSON(options)
      : PublicKeyCredential.parseRequestOptionsFromJSON(options);
    const asked = { publicKey, signal: control.signal };
    if (mediation) asked.mediation = mediation;
    // A challenge ends; what waits in a field takes a new one before that.
    const stale = mediation && setTimeout(() => renew(form, control), (publicKey.timeout ?? 300000) * 0.8);
    try {
      const key = await (create ? navigator.credentials.create(asked) : navigator.credentials.get(asked));
      form.querySelector("[data-passkey-answer]").value = JSON.stringify(key.toJSON());
      const field = form.querySelector("[data-passkey-ticket]");
      if (field) field.value = ticket ?? "";
      form.submit();
    } finally {
      clearTimeout(stale);
    }
  }

  const kinds = { NotAllowedError: "cancelled", AbortError: "cancelled", InvalidStateError: "exists" };

  function show(form, error) {
    const every = [...form.querySelectorAll("[data-passkey-problem]")];
    for (const e of every) e.hidden = true;
    if (!error) return;
    const general = every.find((e) => e.dataset.passkeyProblem === "");
    const shown = every.find((e) => e.dataset.passkeyProblem === kinds[error.name]) ?? general;
    if (general) {
      general.dataset.text ??= general.textContent;
      general.textContent = error instanceof Refused && error.message || general.dataset.text;
    }
    if (shown) shown.hidden = false;
  }

  async function press(form) {
    const buttons = form.querySelectorAll("button");
    const control = begin();
    show(form, null);
    form.setAttribute("aria-busy", "true");
    for (const b of buttons) b.disabled = true;
    try {
      await run(form, undefined, control);
    } catch (error) {
      show(form, error);
      offer();
    } finally {
      form.removeAttribute("aria-busy");
      for (const b of buttons) b.disabled = false;
    }
  }

  // Conditional UI fails in silence: nobody has asked for it.
  async function offer() {
    const form = document.querySelector('form[data-passkey="get"][data-passkey-conditional]');
    if (!able || !form || !document.querySelector('input[autocomplete~="webauthn"]')) return;
    const before = pending;
    const can = await PublicKeyCredential.isConditionalMediationAvailable?.();
    if (!can || pending !== before) return; // a button was pressed meanwhile
    await run(form, "conditional", begin()).catch(() => {});
  }

  function renew(form, control) {
    if (pending !== control) return;
    if (!document.hidden) return offer();
    document.addEventListener("visibilitychange", () => renew(form, control), { once: true });
  }

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-passkey]");
    if (!form) return;
    event.preventDefault();
    event.stopPropagation();
    if (able) press(form);
  }, true);

  document.addEventListener("htmx:after:swap", arrange);
  window.addEventListener("pageshow", (event) => { if (event.persisted) offer(); });
  arrange();
  offer();
})();
