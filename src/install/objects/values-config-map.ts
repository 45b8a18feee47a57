import type { IConfigMap } from "kubernetes-models/v1/ConfigMap";
import { printDocuments } from "../../manifest/index.js";
import type { Installation } from "../installation.js";
import {
  CONTROL_PLANE,
  GIVEN_VALUES_KEY,
  metadata,
  VALUES_CONFIG_MAP,
  VALUES_KEY,
} from "../../installed-names/index.js";

/** What the installation is made of: an upgrade starts from what was given, and the webhook reads what is in force. */
export const valuesConfigMap = ({ values, given, version }: Installation): IConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: metadata(VALUES_CONFIG_MAP, CONTROL_PLANE, version),
  data: {
    [GIVEN_VALUES_KEY]: printDocuments([given]),
    [VALUES_KEY]: printDocuments([values]),
  },
});
