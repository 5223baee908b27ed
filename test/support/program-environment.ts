/**
 * What a program of ours is given of the environment of the tests: nothing that would configure it, but where programs are, and
 * the compile cache, when there is one. Half of what each start takes is the compilation of modules that did not change.
 */
export const programEnvironment = (): NodeJS.ProcessEnv => {
  const { PATH, NODE_COMPILE_CACHE } = process.env
  return { PATH, ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }) }
}
