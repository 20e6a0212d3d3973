/** Templates: what both APIs store, under one name. */
import { after, type Key } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { type Template, templateKey, templateKeys, templates, type Where } from "./state.ts";

/** @see https://docs.aws.amazon.com/ses/latest/dg/quotas.html */
export const TEMPLATES_MAX = 20_000;
const TEMPLATE_BYTES_MAX = 500 * 1024;
/** Destinations in one bulk request. */
export const BULK_MAX = 50;

export type TemplateParts = Omit<Template, "createdMs">;

/** What is wrong with a template, or undefined. */
export function templateFault({ name, subject, text, html }: TemplateParts): string | undefined {
  if (!/^[\w-]{1,64}$/.test(name)) return "Template name must be 1 to 64 letters, digits, underscores or hyphens";
  if (subject === undefined || subject === "") return "The subject must be specified.";
  if (!text && !html) return "You must specify either the text part or the HTML part.";
  const bytes = Buffer.byteLength(subject) + Buffer.byteLength(text ?? "") + Buffer.byteLength(html ?? "");
  return bytes > TEMPLATE_BYTES_MAX ? `Template exceeds ${TEMPLATE_BYTES_MAX} bytes.` : undefined;
}

export function findTemplate(tx: Transaction, where: Where, name: string | undefined): Template | undefined {
  return name === undefined ? undefined : templates.get(tx, templateKey(where, name));
}

export function saveTemplate(tx: Transaction, where: Where, parts: TemplateParts, createdMs: number): void {
  const { name, subject, text, html } = parts;
  templates.put(tx, templateKey(where, name), {
    name,
    createdMs,
    ...(subject === undefined ? {} : { subject }),
    ...(text === undefined ? {} : { text }),
    ...(html === undefined ? {} : { html }),
  });
}

export interface NamedPage<T> {
  readonly items: T[];
  /** The name after which the next page begins. */
  readonly next: string | undefined;
}

/** A page of templates in order of name. @param token the name after which it begins */
export function listTemplates(
  tx: Transaction,
  where: Where,
  max: number,
  token: string | undefined,
): NamedPage<Template> {
  const { start, end } = templateKeys(where);
  return pageByName(templates.range(tx, token === undefined ? start : after(templateKey(where, token)), end), max);
}

export function pageByName<T extends { readonly name: string }>(
  rows: Iterable<readonly [Key, T]>,
  max: number,
  wanted: (item: T) => boolean = () => true,
): NamedPage<T> {
  const items: T[] = [];
  for (const [, item] of rows) {
    if (!wanted(item)) continue;
    if (items.length === max) return { items, next: items.at(-1)!.name };
    items.push(item);
  }
  return { items, next: undefined };
}
