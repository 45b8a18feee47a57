import { HANDSHAKE_MEASUREMENTS } from "./handshake-measurements.js";
import { HTTP2_MEASUREMENTS } from "./http2-measurements.js";
import type { Measurement } from "./measurement.js";
import { PERMISSION_MEASUREMENTS } from "./permission-measurements.js";
import { PLAIN_MEASUREMENTS } from "./plain-measurements.js";
import { SECURE_MEASUREMENTS } from "./secure-measurements.js";

/** All that can be measured. */
export const MEASUREMENTS: readonly Measurement[] = [
  ...PLAIN_MEASUREMENTS,
  ...SECURE_MEASUREMENTS,
  ...HTTP2_MEASUREMENTS,
  ...HANDSHAKE_MEASUREMENTS,
  ...PERMISSION_MEASUREMENTS,
];
