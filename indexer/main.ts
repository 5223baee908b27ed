import { enableCompileCache } from './compile-cache.ts'
import { keepHeapSmall } from './heap.ts'

keepHeapSmall()
// Everything else is imported only now, so that it comes out of the cache.
enableCompileCache(process.env, process.argv.slice(2))
const { runCommand } = await import('./command.ts')
await runCommand(process.argv.slice(2), process.env)
