/** Where the documentation is read. */
const DOCUMENTATION = "docs";

/** Where a check is explained: what it looks at, and what to do when it fails. */
export const documentation = (id: string) => `${DOCUMENTATION}/check.md#${id}`;
