// What the API server asks about new pods and about resources of the mesh.
export { injectPod, type InjectionContext, type PodVerdict } from "./inject-pod.js";
export type { ReviewOutcome } from "./reviewers.js";
export { startWebhook, type Webhook, type WebhookObserver, type WebhookOptions } from "./webhook.js";
