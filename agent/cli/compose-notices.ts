import { askedMetadata } from "../adapters/evidence/metadata/asked-metadata.ts";
import { platformNotices, type WhichPlatform } from "../adapters/notices/platform-notices.ts";
import type { NoticeSource } from "../ports/notices.ts";
import type { Config, IdentityConfig } from "./config/config.ts";

/** Whose notices this machine heeds: as configured, or as it proves itself. */
export function noticeSource({ identity, notices }: Pick<Config, "identity" | "notices">): NoticeSource {
  return platformNotices(whichPlatform(identity.kind, notices.platform), askedMetadata, notices);
}

function whichPlatform(kind: IdentityConfig["kind"], configured: Config["notices"]["platform"]): WhichPlatform {
  if (configured === "off") return { off: "notices.platform is off" };
  if (configured !== "auto") return configured;
  switch (kind) {
    case "auto":
      return "ask";
    case "aws-caller-identity":
    case "aws-instance-identity":
    case "aws-web-identity":
    case "nitro-tpm":
      return "aws";
    case "gcp":
      return "gcp";
    case "azure":
      return "azure";
    case "join-token":
    case "oidc-socket":
    case "oidc-token":
    case "oidc-url":
      return { off: `identity.kind is ${kind}, which tells of no platform; notices.platform may name one` };
    default:
      return kind satisfies never;
  }
}
