/** What a build may ask of BuildKit. */
export const BUILD_PERMISSIONS = ["build", "disk-usage", "prune", "history", "change-history"] as const;

export type BuildPermissionName = (typeof BUILD_PERMISSIONS)[number];

/** What stock clients need. */
export const USUAL_PERMISSIONS = ["build", "disk-usage", "prune"] as const satisfies readonly BuildPermissionName[];
