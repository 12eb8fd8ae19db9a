// The service worker: shows pushes, opens what they are about, and says so when
// there is no network. It keeps one page that is the same for everybody, and
// never anything that was answered to somebody.
"use strict";
const shell = self.SHELL; // [cache's name, page, its files…]; written by the server

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(shell[0]);
    await cache.addAll(shell.slice(1).map((path) => new Request(path, { credentials: "omit", cache: "reload" })));
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name !== shell[0]) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(() => caches.match(shell[1])));
  } else if (shell.includes(new URL(request.url).pathname)) {
    event.respondWith(fetch(request).catch(() => caches.match(request.url)));
  }
});

// Browsers that know declarative messages show them without asking us; the
// others hand the same JSON over here. Each push must show something.
self.addEventListener("push", (event) => {
  let said = {};
  try {
    said = event.data.json();
  } catch {
    // Not ours; the title below is all there is to say.
  }
  const { title = "Sekisho", body = "", lang = "", dir = "auto", tag = "", navigate = "/" } = said.notification ?? {};
  event.waitUntil((async () => {
    await self.registration.showNotification(title, { body, lang, dir, tag, data: { navigate } });
    if (Number.isInteger(said.app_badge) && self.navigator.setAppBadge) await self.navigator.setAppBadge(said.app_badge);
  })());
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const to = new URL(event.notification.data?.navigate ?? "/", self.location.origin);
  if (to.origin !== self.location.origin) return; // a push opens our own pages only
  event.waitUntil((async () => {
    const open = await self.clients.matchAll({ type: "window" });
    const there = open.find((client) => client.url === to.href);
    if (there) return there.focus();
    return self.clients.openWindow(to.href);
  })());
});

// The browser's push service may give it another address.
self.addEventListener("pushsubscriptionchange", (event) => {
  const key = event.oldSubscription?.options?.applicationServerKey;
  if (!key) return;
  event.waitUntil((async () => {
    const next = await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    await fetch("/api/v1/me/push-devices", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(next),
    });
  })());
});
