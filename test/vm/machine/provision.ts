import { stringify } from "smol-toml";
import type { EmbeddedControlPlane } from "../../../sandbox/control-plane/embedded-control-plane.ts";
import type { ProjectRef } from "../../../sandbox/control-plane/project-ref.ts";
import { PLANE_ADDRESS } from "./guest.ts";

/** What a person or a cloud gives a machine of the image, and all that it is given. */
export interface Provision {
  readonly config: string;
  readonly controlPlaneCa: string;
  readonly joinToken: string;
}

/** `config`: sections of config.toml beside the control plane and the identity. */
export function provision(
  plane: EmbeddedControlPlane,
  ref: ProjectRef,
  config: Readonly<Record<string, unknown>> = {},
): Provision {
  const { guestAddress, guestPort } = PLANE_ADDRESS;
  const caFile = "/etc/builder-agent/control-plane-ca.pem";
  const controlPlane = { endpoint: `${guestAddress}:${guestPort}`, caFile, serverName: plane.serverName };
  return {
    config: stringify({ controlPlane, identity: { kind: "join-token" }, ...config }),
    controlPlaneCa: plane.caPem,
    joinToken: plane.issueJoinToken(ref),
  };
}

export interface GuestFile {
  readonly path: string;
  /** In octal. */
  readonly permissions: string;
  readonly content: string;
}

/** Writes files on a machine that is up: a line of shell. */
export function writing(files: readonly GuestFile[]): string {
  return files
    .map(({ path, permissions, content }) => {
      const encoded = Buffer.from(content).toString("base64");
      return `install -D -m ${permissions} /dev/null ${path} && echo ${encoded} | base64 -d > ${path}`;
    })
    .join(" && ");
}
