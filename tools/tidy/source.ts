/** TypeScript source as the rules want to see it: without comments, and with the text of strings blanked. */

/** What may stand before a `/` that begins a regular expression rather than divides. */
const BEFORE_REGEX =
  /(?:^|[=(,:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|delete|void|throw|new|await|yield))\s*$/;

/**
 * Blanks comments, strings, template text and regular expressions with spaces; what remains keeps its place, line by line. Code inside
 * `${…}` of a template remains.
 * @param what to blank: comments alone, or everything
 */
export function codeOnly(source: string, what: "comments" | "all" = "all"): string {
  const out = source.split("");
  const blank = (start: number, end: number, always = what === "all") => {
    if (!always) return;
    for (let i = start; i < end; i++) if (out[i] !== "\n") out[i] = " ";
  };
  let at = 0;
  /** For every open template, how many braces are open inside its `${`. */
  const templates: number[] = [];
  const skipTemplate = (start: number): number => {
    let i = start;
    while (i < source.length && source[i] !== "`") {
      if (source[i] === "\\") i++;
      else if (source[i] === "$" && source[i + 1] === "{") {
        blank(start, i);
        templates.push(0);
        return i + 2;
      }
      i++;
    }
    blank(start, i);
    return i + 1;
  };
  while (at < source.length) {
    const char = source[at]!;
    const two = source.slice(at, at + 2);
    if (two === "//" || two === "/*") {
      const stop = two === "//" ? source.indexOf("\n", at) : source.indexOf("*/", at + 2) + 2;
      const end = stop <= 1 ? source.length : stop;
      blank(at, end, true);
      at = end;
    } else if (char === '"' || char === "'") {
      let end = at + 1;
      while (end < source.length && source[end] !== char && source[end] !== "\n") end += source[end] === "\\" ? 2 : 1;
      blank(at + 1, end);
      at = end + 1;
    } else if (char === "`") {
      at = skipTemplate(at + 1);
    } else if (char === "{" && templates.length > 0) {
      templates[templates.length - 1]!++;
      at++;
    } else if (char === "}" && templates.length > 0) {
      if (templates.at(-1) === 0) {
        templates.pop();
        at = skipTemplate(at + 1);
      } else {
        templates[templates.length - 1]!--;
        at++;
      }
    } else if (char === "/" && BEFORE_REGEX.test(out.slice(Math.max(0, at - 40), at).join(""))) {
      let end = at + 1;
      let inClass = false;
      while (end < source.length && source[end] !== "\n" && (inClass || source[end] !== "/")) {
        if (source[end] === "\\") end++;
        else if (source[end] === "[") inClass = true;
        else if (source[end] === "]") inClass = false;
        end++;
      }
      blank(at + 1, end);
      at = end + 1;
    } else at++;
  }
  return out.join("");
}

/** The source with comments blanked; strings stay. */
export const withoutComments = (source: string): string => codeOnly(source, "comments");

export interface Import {
  readonly specifier: string;
  readonly line: number;
  readonly typeOnly: boolean;
}

/** Every static import and export-from, dynamic import and `typeof import` with a literal specifier. */
export function importsOf(source: string): Import[] {
  const code = codeOnly(source);
  const found: Import[] = [];
  const patterns = [
    /\b(?:import|export)\s+(type\s+)?(?:[\w*${},\s]+?\s+from\s+)?(["'])/g,
    /\b(typeof\s+)?import\s*\(\s*(["'])/g,
  ];
  for (const pattern of patterns) {
    for (const match of code.matchAll(pattern)) {
      const start = match.index + match[0].length;
      const end = source.indexOf(match[2]!, start);
      found.push({
        specifier: source.slice(start, end),
        line: lineAt(source, start),
        typeOnly: match[1] !== undefined,
      });
    }
  }
  return found;
}

export function lineAt(source: string, offset: number): number {
  let line = 1;
  for (let i = source.indexOf("\n"); i >= 0 && i < offset; i = source.indexOf("\n", i + 1)) line++;
  return line;
}
