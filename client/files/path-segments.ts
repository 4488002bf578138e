/** `a.b[0]["odd key"]`, as domain/validation.ts writes paths, to `['a', 'b', 0, 'odd key']`. */
export function pathSegments(path: string): (string | number)[] {
  return [...path.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g)].map((match) => {
    if (match[1] !== undefined) return Number(match[1]);
    if (match[2] !== undefined) return unquote(match[2]);
    return match[3] ?? '';
  });
}

function unquote(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    return text;
  }
}
