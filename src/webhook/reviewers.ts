import { nameOfObject } from "../inject/index.js";
import type { AdmissionAnswer, AdmissionRequest } from "./admission.js";
import { injectPod } from "./inject-pod.js";
import type { InstalledOptions } from "./installed-options.js";
import { validateResource } from "./review-resource.js";
import type { Namespaces } from "./namespaces.js";
import type { Reviewers } from "./server.js";

export type ReviewOutcome = "injected" | "skipped" | "refused" | "accepted" | "failed";

/** Who is told of what became of reviews. */
export interface ReviewObserver {
  /** A pod that was asked about. */
  pod(verdict: { outcome: ReviewOutcome; namespace: string; pod: string; reason?: string }): void;
  /** How a review ended, and after how many seconds. */
  reviewed(review: "inject" | "validate", outcome: ReviewOutcome, seconds: number): void;
}

/** What reviews depend on. */
export interface ReviewContext {
  readonly installed: InstalledOptions;
  readonly namespaces: Namespaces;
  /** That of mesh. */
  readonly version: string;
  readonly observer: ReviewObserver;
}

interface Reviewed {
  readonly outcome: ReviewOutcome;
  readonly answer: AdmissionAnswer;
}

/** The reviewers by path, as the webhook configurations of an installation name them. */
export function reviewers(context: ReviewContext): Reviewers {
  const { observer } = context;
  const measured =
    (review: "inject" | "validate", answer: (request: AdmissionRequest) => Promise<Reviewed>) =>
    async (request: AdmissionRequest): Promise<AdmissionAnswer> => {
      const begun = performance.now();
      let outcome: ReviewOutcome = "failed";
      try {
        const reviewed = await answer(request);
        outcome = reviewed.outcome;
        return reviewed.answer;
      } finally {
        observer.reviewed(review, outcome, (performance.now() - begun) / 1000);
      }
    };
  return {
    "/inject": measured("inject", (request) => reviewPod(request, context)),
    "/validate": measured("validate", (request) => Promise.resolve(reviewResource(request))),
  };
}

/** Rejects when the namespace cannot be read: what then becomes of the pod is for the failurePolicy to say. */
async function reviewPod(
  { object, namespace }: AdmissionRequest,
  { installed, namespaces, version, observer }: ReviewContext,
): Promise<Reviewed> {
  const annotations = await namespaces.annotationsOf(namespace);
  if (!annotations.ok) throw annotations.error;
  const { outcome, reason, answer } = injectPod(object, {
    installed: installed.layer,
    namespace,
    namespaceAnnotations: annotations.value,
    version,
  });
  const pod = nameOfObject(object);
  observer.pod({ outcome, namespace, pod, ...(reason !== undefined && { reason }) });
  return { outcome, answer };
}

function reviewResource({ object }: AdmissionRequest): Reviewed {
  const answer = validateResource(object);
  return { outcome: answer.allowed ? "accepted" : "refused", answer };
}
