// The page works without this script, one form and plain links; with it nothing reloads.
import { showMesh } from "/static/viewer.js";

const one = (selector, root = document) => root.querySelector(selector);
const form = one("#ask");
const results = one("#results");
const dialog = one("#model");
const category = form.elements.category;
const start = { part: document.body.dataset.part, html: results.innerHTML };

let photo = null;
let pending = null;
let closeMesh = () => {};
let shown = { kind: start.part === "results" ? "similar" : "start", url: location.pathname };

const state = () => history.state ?? first;
const first = { ...shown, model: null };

/** Fetch a part of a page; an answer that is an error is a part as well. */
async function part(url, options = {}) {
  const answer = await fetch(url, { ...options, headers: { "X-Partial": "1" } });
  return { html: await answer.text(), ok: answer.ok };
}

function message(text) {
  const box = document.createElement("div");
  box.className = "error";
  box.setAttribute("role", "alert");
  box.append(Object.assign(document.createElement("h2"), { textContent: "That did not work" }));
  box.append(Object.assign(document.createElement("p"), { textContent: text }));
  return box.outerHTML;
}

function fill(name, html, focus = true) {
  document.body.dataset.part = name;
  results.innerHTML = html;
  const heading = one("h2", results);
  one("#status").textContent = [heading, one(".head p", results), one(".notice", results)].map((e) => e?.textContent ?? "").join(" ");
  if (focus) heading?.focus({ preventScroll: true });
  window.scrollTo({ top: 0 });
}

/** Show the answer to a request, unless another one was begun in the meantime. */
async function load(url, options, focus) {
  pending?.abort();
  const mine = (pending = new AbortController());
  document.body.classList.add("busy");
  results.setAttribute("aria-busy", "true");
  let answer;
  try {
    answer = await part(url, { ...options, signal: mine.signal });
  } catch (error) {
    if (mine.signal.aborted) return false;
    answer = { html: message("The server cannot be reached. Is it still running?"), ok: false };
  }
  if (pending !== mine) return false;
  document.body.classList.remove("busy");
  results.removeAttribute("aria-busy");
  fill(answer.ok ? "results" : "error", answer.html, focus);
  return answer.ok;
}

function search(top) {
  const most = Number(form.dataset.most);
  if (photo.size > most) {
    const size = (photo.size / 2 ** 20).toFixed(1);
    return fill("error", message(`The photo has ${size} MB; up to ${most / 2 ** 20} MB are taken.`));
  }
  const body = new FormData();
  body.set("photo", photo, "photo");
  body.set("category", category?.value ?? "");
  if (top) body.set("top", top);
  return load("/search", { method: "POST", body });
}

function similar(url, top) {
  const query = new URLSearchParams({ category: category?.value ?? "" });
  if (top) query.set("top", top);
  return load(`${url}?${query}`);
}

/** Show what is asked for anew: another category, or more models. */
function again(top) {
  if (shown.kind === "similar") return similar(shown.url, top);
  if (photo) return search(top);
}

function go(next) {
  history.pushState({ ...next, model: null }, "", next.url);
  return show();
}

/** Bring the page to what the history's entry says. */
async function show() {
  const wanted = state();
  if (wanted.model) return openModel(wanted.model);
  dialog.close();
  if (wanted.kind === shown.kind && wanted.url === shown.url && wanted.id === shown.id) return;
  shown = wanted;
  if (wanted.kind === "similar") return similar(wanted.url);
  if (wanted.kind === "photo" && photo) return search();
  fill(start.part, start.html);
}

function take(file) {
  if (!file) return;
  photo = file;
  const image = one("#photo");
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(file);
  image.onload = () => (image.parentElement.hidden = false);
  image.onerror = () => (image.parentElement.hidden = true);
  go({ kind: "photo", url: "/", id: performance.now() });
}

async function openModel(url) {
  const content = one(".content", dialog);
  closeMesh();
  content.replaceChildren();
  let html;
  try {
    html = (await part(url)).html;
  } catch {
    html = message("The server cannot be reached. Is it still running?");
  }
  if (state().model !== url) return;
  content.innerHTML = html;
  if (!dialog.open) dialog.showModal();
  one("h2", content)?.focus();
  mount(content);
}

function mount(root) {
  const stage = one("[data-glb]", root);
  if (stage) closeMesh = showMesh(stage);
}

for (const input of form.querySelectorAll("input[type=file]")) {
  input.addEventListener("change", () => {
    take(input.files[0]);
    input.value = "";
  });
}
category?.addEventListener("change", () => again());

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const link = event.target.closest("[data-model], [data-similar], [data-more]");
  if (!link) return;
  event.preventDefault();
  if (link.dataset.more) return again(link.dataset.more);
  const url = new URL(link.href);
  if (link.matches("[data-model]")) {
    history.pushState({ ...state(), model: url.pathname + url.search }, "", location.href);
    return show();
  }
  go({ kind: "similar", url: url.pathname });
});

dialog.addEventListener("close", () => {
  closeMesh();
  closeMesh = () => {};
  if (state().model) history.back();
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
window.addEventListener("popstate", show);

window.addEventListener("paste", (event) => take(event.clipboardData.files[0]));
let depth = 0;
const dragging = (by) => document.body.classList.toggle("dragging", (depth = Math.max(0, depth + by)) > 0);
window.addEventListener("dragenter", (event) => event.dataTransfer.types.includes("Files") && dragging(1));
window.addEventListener("dragleave", (event) => event.dataTransfer.types.includes("Files") && dragging(-1));
window.addEventListener("dragover", (event) => event.preventDefault());
window.addEventListener("drop", (event) => {
  event.preventDefault();
  dragging(-depth);
  take(event.dataTransfer.files[0]);
});

mount(results);
