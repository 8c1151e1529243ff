print("longsplice")
