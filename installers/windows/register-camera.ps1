# Register UnityCapture's filter under the name "FaceWarp Cam". Run as administrator in the folder that holds
# UnityCaptureFilter32bit.dll and UnityCaptureFilter64bit.dll (github.com/schellingb/UnityCapture, MIT licence).
# -Remove takes the device away again. Not tested on Windows; the registration itself was tested under Wine.
param([switch]$Remove)
$ErrorActionPreference = "Stop"
foreach ($bits in "32", "64") {
  $dll = Join-Path $PWD "UnityCaptureFilter${bits}bit.dll"
  if (-not (Test-Path $dll)) { throw "$dll is not there; run this in the folder with both DLLs" }
  $arguments = if ($Remove) { "/u `"$dll`"" } else { "`"$dll`" `"/i:UnityCaptureName=FaceWarp Cam`"" }
  $done = Start-Process regsvr32 "/s $arguments" -Wait -PassThru
  if ($done.ExitCode -ne 0) { throw "regsvr32 failed with $($done.ExitCode) for $dll; run as administrator" }
}
