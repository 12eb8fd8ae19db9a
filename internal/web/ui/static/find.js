// Search everywhere from the keyboard: "/" goes to the field, the arrows walk
// through what was found, Escape leaves. Without this file the field is a form.
(() => {
  "use strict";
  const field = document.getElementById("everywhere");
  const hints = document.getElementById("hints");
  if (!field || !hints) return;
  const links = () => [...hints.querySelectorAll("a")];
  const typing = (at) => at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName);
  const leave = () => { hints.replaceChildren(); field.value = ""; };

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const inside = field.form.contains(event.target);
    if (event.key === "/" && !typing(event.target)) {
      event.preventDefault();
      field.focus();
    } else if (event.key === "Escape" && inside) {
      leave();
      field.focus();
      field.blur();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && inside) {
      const all = links();
      if (!all.length) return;
      event.preventDefault();
      const at = all.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
      (at < 0 ? field : all[Math.min(at, all.length - 1)]).focus();
    }
  });

  document.addEventListener("click", (event) => {
    if (!field.form.contains(event.target)) hints.replaceChildren();
  });
})();
