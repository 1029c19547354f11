// Which of the documents are unsafe, and why: one that ran something, or whose tree has what could.
async (documents) => {
  const unsafe = {};
  let current = 0;
  window.ran = () => { unsafe[current] = "ran"; };
  const schemes = new Set(["http:", "https:", "mailto:"]);
  const addresses = new Set(["href", "src", "action", "formaction", "data", "poster", "cite", "background", "xlink:href", "srcset", "ping", "longdesc"]);
  const forbidden = new Set(["SCRIPT", "STYLE", "IFRAME", "OBJECT", "EMBED", "FORM", "INPUT", "BUTTON", "TEXTAREA",
    "SELECT", "META", "LINK", "BASE", "SVG", "MATH", "TEMPLATE", "NOSCRIPT", "FRAMESET", "MARQUEE", "APPLET", "VIDEO", "AUDIO"]);
  const why = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (forbidden.has(element.tagName.toUpperCase())) return `element ${element.tagName}`;
      for (const { name, value } of element.attributes) {
        if (name.startsWith("on") || ["style", "srcdoc", "is"].includes(name)) return `attribute ${name}`;
        if (addresses.has(name) && !schemes.has(new URL(value, "https://x.example/").protocol)) return `${name} ${value}`;
      }
    }
    return null;
  };
  const parsed = (html) => new DOMParser().parseFromString(`<body>${html}`, "text/html").body;
  documents.forEach((html, number) => {
    try {
      const reason = why(parsed(html));
      if (reason) unsafe[number] = reason;
    } catch (error) {
      unsafe[number] = String(error);
    }
  });
  const frame = document.body.appendChild(document.createElement("iframe"));
  for (let number = 0; number < documents.length; number++) {
    current = number;
    frame.contentDocument.open();
    frame.contentDocument.write(documents[number]);
    frame.contentDocument.close();
    if (number % 50 === 49) await new Promise((resolve) => setTimeout(resolve));
  }
  return unsafe;
}
