/** What the publisher does to a page before it uploads it: pure functions. */

const TYPES = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

export function contentType(name) {
  const type = TYPES[name.slice(name.lastIndexOf(".") + 1)];
  if (!type) throw new Error(`No content type is known for ${name}`);
  return type;
}

/** Writes values in place of `{{NAME}}`: the API's address, and the origins that the page's content security policy lets it talk to. */
export function fillIn(html, values) {
  return html.replace(/\{\{([A-Z_]+)\}\}/g, (placeholder, name) => {
    if (!(name in values)) throw new Error(`${placeholder} stands in a page, and nothing is known of it`);
    return values[name].replace(/[&<>"']/g, (char) => `&#${char.codePointAt(0)};`);
  });
}
