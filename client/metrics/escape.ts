/** For text and for attributes in quotes: names are the script's. Characters that could turn or hide text are shown as such. */
export function escapeHtml(text: string): string {
  return text
    .replace(
      /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\p{Surrogate}/gu,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
    .replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
