/** How often something held up requests: those that were under way at the same time count once. */
export function occasionsOf(requests: readonly { readonly began: number; readonly took: number }[]): number {
  const inOrder = [...requests].sort((one, other) => one.began - other.began);
  let [occasions, until] = [0, -Infinity];
  for (const { began, took } of inOrder) {
    if (began > until) occasions += 1;
    until = Math.max(until, began + took);
  }
  return occasions;
}
