/** As `npm run evidence` has it. */
export const AS_PEOPLE_RUN_IT = { NODE_OPTIONS: '--max-semi-space-size=2' }
