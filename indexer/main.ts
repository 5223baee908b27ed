import { enableCompileCache } from './compile-cache.ts'
import { keepHeapSmall, keepYoungGenerationSmall } from './heap.ts'

keepHeapSmall()
// Everything else is imported only now, so that it comes out of the cache.
enableCompileCache()
const { runCommand } = await import('./command.ts')
keepYoungGenerationSmall()
await runCommand(process.argv.slice(2), process.env)
