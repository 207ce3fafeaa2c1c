/** The machine that the stand-ins speak of, as each platform has it. */
export const MACHINE = {
  aws: {
    accountId: "111122223333",
    instanceId: "i-0123456789abcdef0",
    region: "eu-central-1",
    role: "builder",
    issuer: "https://0e5b4ac1-3f0f-4d4e-9d2f-3a5a6b1c2d3e.tokens.sts.global.api.aws",
  },
  gcp: {
    projectId: "acme-builders",
    projectNumber: 123_456_789_012,
    zone: "europe-west4-a",
    instanceId: "8087716956832600000",
    instanceName: "builder-1",
  },
  azure: {
    name: "builder-1",
    vmId: "02aab8a4-74ef-476e-8182-f6d2ba4166a6",
    subscriptionId: "8d10da13-8125-4ba9-a717-bf7490507b3d",
  },
  fly: { org: "acme", app: "builders", appId: "4711", machineId: "e2865013f24908" },
  tokenUrl: { issuer: "https://workloads.sandbox.internal", subject: "machine:1" },
} as const;

/** Of every machine on Google's cloud that a stand-in speaks of: the account's number. */
export const GCP_SERVICE_ACCOUNT = "112233445566778899001";

/** The machine as a pod. */
export const CLUSTER = {
  issuer: "https://cluster.sandbox.internal",
  namespace: "builders",
  serviceAccount: "builder",
  pod: { name: "builder-0", uid: "3f2c3c2e-8b61-4a4e-8f6a-1d2f3a4b5c6d" },
} as const;
