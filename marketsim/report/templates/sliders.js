(function () {
  "use strict";
  var grid = JSON.parse(document.getElementById("grid").textContent);
  var form = document.getElementById("sliders");
  var inputs = grid.axes.map(function (_, i) { return document.getElementById("axis-" + i); });
  var body = document.querySelector("#whatif-table tbody");
  var answer = document.getElementById("whatif-answer");
  function cellOf(tag, text, name) {
    var cell = document.createElement(tag);
    cell.textContent = text;
    if (name) { cell.className = name; }
    if (tag === "th") { cell.scope = "row"; }
    return cell;
  }
  function show() {
    var at = inputs.map(function (input, i) {
      var place = Number(input.value), text = grid.axes[i].texts[place];
      input.setAttribute("aria-valuetext", text);
      input.parentNode.querySelector("output").textContent = text;
      return place;
    });
    var cell = grid.cells[at.join(",")];
    answer.textContent = cell.answer;
    body.textContent = "";
    cell.rows.forEach(function (row) {
      var line = document.createElement("tr");
      if (row.best) { line.className = "best"; }
      line.appendChild(cellOf("th", row.policy));
      row.texts.forEach(function (text) { line.appendChild(cellOf("td", text, "n")); });
      body.appendChild(line);
    });
  }
  inputs.forEach(function (input) { input.addEventListener("input", show); });
  form.addEventListener("reset", function () { window.setTimeout(show, 0); });
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  show();
})();
