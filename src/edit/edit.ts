/** Where something stands in a text: line and column from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Something about a resource that its user should know. */
export interface Remark extends Place {
  readonly message: string;
}

/** What has become of a resource. */
export interface EditedResource extends Place {
  /** `deployment/web` */
  readonly resource: string;
  readonly namespace?: string;
  /** One word: `injected`. */
  readonly outcome: string;
  /** Why it is the outcome, where that needs to be told. */
  readonly reason?: string;
  readonly warnings: readonly Remark[];
}

/** Why a text cannot be edited. */
export interface Mistake extends Place {
  readonly message: string;
  readonly hint?: string | undefined;
  /** The line in question, and a caret below the column. */
  readonly excerpt: string;
}

/** What has become of a text. */
export type Edited =
  | { readonly ok: true; readonly text: string; readonly resources: readonly EditedResource[] }
  /** Nothing of the text may be used. */
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

/** Changes the text of a manifest. */
export type Edit = (text: string) => Edited | Promise<Edited>;
