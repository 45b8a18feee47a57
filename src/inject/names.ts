// What the mesh calls its own in a pod. Everything of these names is taken away again.

/** The sidecar's container. */
export const PROXY_CONTAINER = "mesh-proxy";
/** What the sidecar calls the port of its metrics and probes. */
export const ADMIN_PORT_NAME = "mesh-admin";
/** What the sidecar calls the port at which its requests are watched. */
export const TAP_PORT_NAME = "mesh-tap";
/** The container that writes the redirection before anything else runs. */
export const INIT_CONTAINER = "mesh-init";
/** The volume with the sidecar's token. */
export const TOKEN_VOLUME = "mesh-proxy-token";
/** The empty volume that keeps the application's token for the API server away from the mesh's containers. */
export const NO_API_TOKEN_VOLUME = "mesh-no-api-token";
/** The label of pods that have a sidecar; its value is `true`. */
export const MESHED_LABEL = "mesh.dev/meshed";
/** The annotation that tells the version of mesh that the sidecar is of. */
export const VERSION_ANNOTATION = "mesh.dev/proxy-version";
/** The annotation that tells what added the sidecar. A pod template that has it is ours. */
export const INJECTED_BY_ANNOTATION = "mesh.dev/injected-by";
/** The annotation that tells what said nothing (null, `[]`, `{}`) where the sidecar filled something in. */
export const EMPTY_BEFORE_ANNOTATION = "mesh.dev/empty-before";
/** The label by which a pod (or a namespace) asks for a sidecar or wants none. */
export const INJECT_LABEL = "mesh.dev/inject";
/** Whom the sidecar's token is meant for. */
export const TOKEN_AUDIENCE = "mesh.dev";
/** Where the sidecar finds its token, in a file `token`. */
export const TOKEN_DIRECTORY = "/var/run/secrets/mesh.dev";
