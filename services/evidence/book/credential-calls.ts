/**
 * - `record`: a slot and an event for each credential
 * - `publish`: all credentials in one event, their root computed on chain
 * - `anchor`: only a root on chain; the server serves the leaves
 */
export const RECORDING_TIERS = ['record', 'publish', 'anchor'] as const
export type RecordingTier = (typeof RECORDING_TIERS)[number]
