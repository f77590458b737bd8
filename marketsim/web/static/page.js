(function () {
  "use strict";
  var form = document.getElementById("question"), figures = document.getElementById("figures");
  if (!form || !figures || !window.fetch) { return; }
  var turn = 0, timer = 0, source = null;

  function query() {
    var out = new URLSearchParams();
    new FormData(form).forEach(function (value, key) {
      var input = key.indexOf("set.") === 0 ? form.elements[key] : null;
      if (!input || input.value !== input.dataset.base) { out.append(key, value); }
    });
    return out;
  }

  function put(html) {
    var page = new DOMParser().parseFromString(html, "text/html");
    figures.replaceChildren.apply(figures, Array.from(page.body.childNodes));
    follow();
  }

  function load(asked, remember) {
    var mine = ++turn;
    figures.setAttribute("aria-busy", "true");
    var part = new URLSearchParams(asked);
    part.set("part", "1");
    fetch("/?" + part, { credentials: "same-origin" }).then(function (answer) {
      return answer.text().then(function (text) {
        if (mine !== turn) { return; }
        if (remember) { history.replaceState(null, "", "/?" + asked); }
        if (answer.ok || text.indexOf("<") >= 0) { put(text); } else { say(text); }
        figures.setAttribute("aria-busy", document.getElementById("progress") ? "true" : "false");
      });
    }).catch(function () { if (mine === turn) { say("The page does not answer any more."); } });
  }

  function say(text) {
    var line = document.createElement("p");
    line.className = "error";
    line.setAttribute("role", "alert");
    line.textContent = text;
    figures.replaceChildren(line);
    figures.setAttribute("aria-busy", "false");
  }

  function follow() {
    if (source) { source.close(); source = null; }
    var line = document.getElementById("progress");
    if (!line || !window.EventSource) { return; }
    var bar = line.querySelector("progress");
    source = new EventSource("/progress/" + encodeURIComponent(line.dataset.run));
    source.onmessage = function (event) {
      var state = JSON.parse(event.data);
      bar.max = state.total || 1;
      bar.value = state.done;
      if (state.state !== "waiting" && state.state !== "running") {
        source.close();
        source = null;
        load(new URLSearchParams(location.search), false);
      }
    };
    source.onerror = function () { if (source) { source.close(); source = null; } };
  }

  function later() {
    window.clearTimeout(timer);
    timer = window.setTimeout(function () { load(query(), true); }, 120);
  }

  form.querySelectorAll("input[type=range]").forEach(function (input) {
    var texts = JSON.parse(input.dataset.texts), output = input.parentNode.querySelector("output");
    input.addEventListener("input", function () {
      output.textContent = texts[Number(input.value)];
      input.setAttribute("aria-valuetext", output.textContent);
      input.parentNode.classList.toggle("moved", input.value !== input.dataset.base);
    });
    input.addEventListener("change", later);
  });
  form.querySelectorAll("input[type=checkbox], input[type=number]").forEach(function (input) {
    input.addEventListener("change", later);
  });
  document.getElementById("scenario").addEventListener("change", function (event) {
    location.assign("/?scenario=" + encodeURIComponent(event.target.value) + "&lang=" + form.elements.lang.value);
  });
  form.addEventListener("submit", function (event) { event.preventDefault(); load(query(), true); });
  figures.addEventListener("submit", function (event) {
    var run = event.target.closest("form.run");
    if (!run) { return; }
    event.preventDefault();
    var asked = new URLSearchParams(new FormData(run));
    fetch("/run", {
      method: "POST", credentials: "same-origin",
      headers: { "Content-Type": "application/json", "X-Marketsim": "1" },
      body: JSON.stringify({ query: asked.toString() })
    }).then(function (answer) {
      return answer.ok ? answer.json().then(function (told) {
        var see = new URLSearchParams(told.see.slice(2));
        load(see, true);
      }) : answer.text().then(say);
    });
  });
  follow();
})();
