import { isObject, type Json, type JsonObject } from "../manifest/index.js";
import { fail, ok, type Result } from "../result/index.js";
import type { PatchOperation } from "../inject/index.js";

/** What the API server asks about an object that somebody wants to write (admission.k8s.io/v1, AdmissionRequest). */
export interface AdmissionRequest {
  readonly uid: string;
  /** The namespace that the object goes to; the object itself may not name it. */
  readonly namespace: string;
  /** Null when the object goes away. */
  readonly object: Json;
}

/** What is answered. Nothing is done on the way, so that a dry run needs no other answer. */
export interface AdmissionAnswer {
  readonly allowed: boolean;
  /** Why not. */
  readonly message?: string;
  /** What is changed in the object before it is written. */
  readonly patch?: readonly PatchOperation[];
  /** Shown to who wrote the object. */
  readonly warnings?: readonly string[];
}

const API_VERSION = "admission.k8s.io/v1";

/** Reads an AdmissionReview; the error says why it is none. */
export function readReview(body: string): Result<AdmissionRequest> {
  let review: Json;
  try {
    review = JSON.parse(body) as Json;
  } catch {
    return fail("the body is no JSON");
  }
  if (!isObject(review) || review["kind"] !== "AdmissionReview" || review["apiVersion"] !== API_VERSION) {
    return fail(`the body is no AdmissionReview of ${API_VERSION}`);
  }
  const request = review["request"];
  if (!isObject(request) || typeof request["uid"] !== "string") return fail("the review has no request");
  const { namespace, object } = request;
  return ok({
    uid: request["uid"],
    namespace: typeof namespace === "string" ? namespace : "",
    object: object ?? null,
  });
}

/** The AdmissionReview that answers a request. */
export function reviewOf({ uid }: AdmissionRequest, answer: AdmissionAnswer): JsonObject {
  const { allowed, message, patch = [], warnings = [] } = answer;
  return {
    apiVersion: API_VERSION,
    kind: "AdmissionReview",
    response: {
      uid,
      allowed,
      ...(message !== undefined && { status: { message, reason: "Invalid", code: 422 } }),
      ...(patch.length > 0 && {
        patchType: "JSONPatch",
        patch: Buffer.from(JSON.stringify(patch), "utf8").toString("base64"),
      }),
      ...(warnings.length > 0 && { warnings: [...warnings] }),
    },
  };
}
