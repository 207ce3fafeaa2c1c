import type { z } from "zod";
import type { SectionName } from "./keys.ts";
import type { ConfigSchema } from "./schema.ts";
import type { Source } from "./source.ts";

/** What the schema gives, before the defaults that depend on other values. */
export type Judged = z.output<typeof ConfigSchema>;

type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

/** The whole configuration: every value is right, and frozen. */
export type Config = Frozen<
  Omit<Judged, "identity" | "paths"> & {
    identity: Judged["identity"] & { tokenFile: string };
    paths: Judged["paths"] & { cacheDir: string };
  }
>;

/** The sections that a process asked for, and where each of their values came from. */
export interface LoadedConfig<S extends SectionName = SectionName> {
  readonly config: Pick<Config, S>;
  /** By path: "gateway.listen". */
  readonly sources: ReadonlyMap<string, Source>;
  /** The file that was read, if any. */
  readonly file?: string;
}
