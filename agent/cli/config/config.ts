import type { SectionName } from "./keys.ts";
import type { ValuesOf } from "./kind.ts";
import type { Problem, Source } from "./problem.ts";
import type { CONFIG_SCHEMA } from "./schema.ts";

/** What the schema gives, before the defaults that depend on other values. */
export type Judged = { [Name in SectionName]: ValuesOf<(typeof CONFIG_SCHEMA)[Name]> };

/** How this machine proves which VM it is: each kind with what it needs, and nothing else. */
export type IdentityConfig =
  | { readonly kind: "join-token"; readonly tokenFile: string }
  | { readonly kind: "oidc-token"; readonly tokenFile: string }
  | { readonly kind: "oidc-url"; readonly oidcUrl: string; readonly tokenFile?: string }
  | { readonly kind: "nitro-tpm"; readonly nitroTpmAttest: string }
  | (Platforms & {
      readonly kind:
        | "auto"
        | "aws-caller-identity"
        | "aws-instance-identity"
        | "aws-web-identity"
        | "azure"
        | "gcp"
        | "oidc-socket";
    });

/** Where the platforms' own services are asked. */
export type Platforms = Pick<
  Judged["identity"],
  "awsMetadataUrl" | "azureCertificatesUrl" | "azureMetadataUrl" | "gcpMetadataUrl" | "stsUrl" | "oidcSocket"
>;

/** Who is asked for notices, and where. */
export type NoticesConfig = Judged["notices"] &
  Pick<Platforms, "awsMetadataUrl" | "azureMetadataUrl" | "gcpMetadataUrl">;

type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

/** The whole configuration: every value is right, and frozen. */
export type Config = Frozen<
  Omit<Judged, "identity" | "notices" | "paths"> & {
    identity: IdentityConfig;
    notices: NoticesConfig;
    paths: Judged["paths"] & { cacheDir: string };
  }
>;

/** The sections that a process asked for, and where each of their values came from. */
export interface LoadedConfig<S extends SectionName = SectionName> {
  readonly config: Pick<Config, S>;
  /** What is right, and probably not meant. */
  readonly doubts: readonly Problem[];
  /** By path: "gateway.listen". */
  readonly sources: ReadonlyMap<string, Source>;
  /** The file that was read, if any. */
  readonly file?: string;
}
