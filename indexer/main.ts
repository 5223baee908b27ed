import { enableCompileCache } from './compile-cache.ts'
import { growYoungGenerationAtOnce, keepHeapSmall, sizeYoungGeneration } from './heap.ts'

keepHeapSmall()
growYoungGenerationAtOnce()
// Everything else is imported only now, so that it comes out of the cache.
enableCompileCache()
const { runCommand } = await import('./command.ts')
sizeYoungGeneration()
await runCommand(process.argv.slice(2), process.env)
