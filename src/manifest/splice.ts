/** A change of a text: from `at`, `remove` characters go and `insert` comes. */
export interface Splice {
  readonly at: number;
  readonly remove: number;
  readonly insert: string;
}

/** The text after splices that do not overlap. Those at one place apply in the order given. */
export function splice(text: string, splices: readonly Splice[]): string {
  const parts: string[] = [];
  let done = 0;
  for (const { at, remove, insert } of [...splices].sort((a, b) => a.at - b.at)) {
    parts.push(text.slice(done, at), insert);
    done = at + remove;
  }
  return parts.join("") + text.slice(done);
}
