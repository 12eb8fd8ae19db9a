// Switches notifications on in this browser. Everything else on the page is
// plain forms.
(() => {
  "use strict";
  const here = document.querySelector("[data-push-key]");
  if (!here) return;
  const say = (name) => {
    for (const line of here.querySelectorAll("[data-push]")) line.hidden = line.dataset.push !== name;
  };
  const alone = matchMedia("(display-mode: standalone)").matches || navigator.standalone === true;
  const apple = /iPhone|iPad/.test(navigator.userAgent) || (/Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) return say(apple && !alone ? "home" : "cannot");

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const worker = async () => {
    await navigator.serviceWorker.register("/worker.js");
    return navigator.serviceWorker.ready;
  };

  const look = async () => {
    if (Notification.permission === "denied") return say("denied");
    const known = await navigator.serviceWorker.getRegistration("/");
    const subscription = await known?.pushManager.getSubscription();
    say(subscription && here.dataset.pushHere === "yes" ? "on" : "off");
  };

  here.addEventListener("click", async (event) => {
    if (!event.target.closest("button[data-push-on]")) return;
    if (await Notification.requestPermission() !== "granted") return say("denied");
    say("busy");
    try {
      const { pushManager } = await worker();
      // What was made with another key, or for somebody else, is of no use.
      await (await pushManager.getSubscription())?.unsubscribe();
      const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(here.dataset.pushKey) });
      const answer = await fetch("/api/v1/me/push-devices", {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(made),
      });
      if (!answer.ok) throw new Error(String(answer.status));
      location.assign("/settings/push?done=push-on");
    } catch {
      say("failed");
    }
  });

  look();
})();
