import { execFile } from "node:child_process";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { RealBuildkit, tool } from "../buildkit/real-buildkit.ts";
import { sh } from "../volume/disk-image.ts";
import { dockerfile, faultsOf, layOut, type Recipe } from "./recipes.ts";

export type Filesystem = "ext4" | "xfs";

const SAID_MAX_BYTES = 64 * 1024 * 1024;

/** A real BuildKit whose cache lies on a device, mounted as a builder mounts it. */
export class PowerStage implements AsyncDisposable {
  readonly bench: RealBuildkit;
  #builds = 0;

  private constructor(bench: RealBuildkit) {
    this.bench = bench;
  }

  /** `bootId`: of the machine that it takes itself to be on. */
  static async mount(filesystem: Filesystem, device: string, bootId: string): Promise<PowerStage> {
    const bench = await RealBuildkit.make();
    bench.bootId = bootId;
    try {
      await mkdir(bench.cacheDir);
      sh("mount", ["-t", filesystem, "-o", "noatime,discard", device, bench.cacheDir]);
      bench.own({ [Symbol.dispose]: () => void sh("umount", [bench.cacheDir]) });
      return new PowerStage(bench);
    } catch (failure) {
      await bench[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /**
   * One build of all of these, each from the cache where it is there. `faults`: what is wrong with
   * its output; `cached`: the names of those that were not made anew. @throws {Error} with what
   * buildctl said, if it fails.
   */
  async build(recipes: readonly Recipe[]): Promise<{ readonly faults: readonly string[]; readonly cached: string[] }> {
    this.#builds += 1;
    const at = (name: string): string => join(this.bench.dir, `${name}-${this.#builds}`);
    const [context, outputDir] = [at("context"), at("out")];
    await mkdir(context);
    await copyFile(tool("busybox"), join(context, "busybox"));
    await layOut(context, recipes);
    await writeFile(join(context, "Dockerfile"), dockerfile(recipes));
    const args = [
      ...["--addr", `unix://${this.bench.places.socketPath}`, "build", "--progress", "plain"],
      ...["--frontend", "dockerfile.v0", "--local", `context=${context}`, "--local", `dockerfile=${context}`],
      ...["--output", `type=local,dest=${outputDir}`],
    ];
    const { stderr } = await promisify(execFile)(tool("buildctl"), args, { maxBuffer: SAID_MAX_BYTES });
    const lines = new Set(stderr.split("\n"));
    const isCached = ({ name }: Recipe): boolean => {
      const step = new RegExp(`^(#\\d+) \\[${name} (\\d+)/\\2\\] `, "m").exec(stderr)?.[1];
      return lines.has(`${step} CACHED`);
    };
    return { faults: await faultsOf(outputDir, recipes), cached: recipes.filter(isCached).map(({ name }) => name) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bench[Symbol.asyncDispose]();
  }
}
