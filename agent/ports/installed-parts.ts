/** What may run on for a while as it was, after the package was upgraded. */
export type InstalledPart = "gateway" | "buildkit";

/** The package's parts, by what decides how each runs: its unit and its program. */
export interface InstalledParts {
  /**
   * Whether what runs of it was started as another release has it. False where there is no package,
   * and while that cannot be known. Looks each time, and never throws.
   */
  isOutdated(part: InstalledPart): boolean;
}
