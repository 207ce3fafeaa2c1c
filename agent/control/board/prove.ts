/**
 * Proves this machine anew; not where `unless` holds once the control plane has said what time it
 * is. Resolves to whether the machine has an identity that is good, new or not. Rejects with
 * MachineRefused when it is refused for good.
 */
export type Prove = (signal: AbortSignal, unless: () => boolean) => Promise<boolean>;
